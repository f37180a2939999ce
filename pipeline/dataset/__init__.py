"""What a table is (`table`, `tables`), and the only door out: Parquet with its dictionary and provenance (`store`)."""
