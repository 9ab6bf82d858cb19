"""Tables, transactions and queries: the only part that speaks SQL."""
