"""A web page that classifies a photo and shows the 28x28 image and the pixels that mattered."""
