"""Maths on samples: numpy in, numpy out; no tables, no files."""
