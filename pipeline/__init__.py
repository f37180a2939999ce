"""The pure library: device exports in, documented tables and pages out. Knows nothing of how it is scheduled."""

__version__ = "0.1.0"
