"""DICOM images for i2i."""
