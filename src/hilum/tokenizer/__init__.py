"""Images to codes and back."""
