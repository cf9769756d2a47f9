"""Read recordings, whatever their format, as 16 kHz mono samples, and alter them."""
