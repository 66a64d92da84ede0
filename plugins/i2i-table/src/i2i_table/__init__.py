"""A data set for i2i: pictures listed in a CSV or Parquet file."""
