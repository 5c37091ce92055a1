"""Pixels in and out: one decode path for DICOM, PNG and JPEG."""
