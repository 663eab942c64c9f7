"""What takes a rule and gives a rule, one file each; the file's name is the wrapper's key."""
