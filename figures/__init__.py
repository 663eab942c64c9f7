"""Plain data in, pictures out: the theme, and the charts that are read rather than played."""
