"""How good would it be to give this task to this person?"""
