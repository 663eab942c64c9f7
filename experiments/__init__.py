"""What each page asks, runs and says, without a page: the app, a script and the command line share it."""
