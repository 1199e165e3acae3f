"""A page in the browser: drop a photo, see what the network saw and said."""
