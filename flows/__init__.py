"""Prefect and the command line: when, where and how many at once. What is done stands in `pipeline`."""
