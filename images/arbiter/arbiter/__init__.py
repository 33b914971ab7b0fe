"""Who of two database machines may write alone: a switch of their power, with a memory."""
