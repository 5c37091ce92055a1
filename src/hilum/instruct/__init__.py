"""Studies into conversations, and conversations into Parquet shards."""
