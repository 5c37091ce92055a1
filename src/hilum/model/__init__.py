"""One model with two switches: how it reads images and whether it writes them."""
