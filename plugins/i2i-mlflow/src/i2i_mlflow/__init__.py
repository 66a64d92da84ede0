"""An observer for i2i: runs in MLflow."""
