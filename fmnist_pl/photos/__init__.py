"""Photos of clothes: read them, turn them into 28x28 images, write their predictions."""
