"""Who gets what: a frozen problem goes in, a plan with its reasons comes out."""
