"""Exported translators for i2i in OpenVINO's format."""
