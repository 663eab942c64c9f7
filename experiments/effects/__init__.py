"""Effects: what one number of a race does along its whole range."""
