"""The records and rules of assignment; knows neither arrays, nor SQL, nor HTTP."""
