"""What many visitors share: the machine's means, kept results, who may begin, and processes for jobs."""
