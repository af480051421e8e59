"""Barcodes of medicines and devices: what a scanner sends, read strictly, diagnosed openly."""
