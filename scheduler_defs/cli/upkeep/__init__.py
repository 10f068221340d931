"""Commands that account for, look after and keep what the stack has done."""
