"""From a person's own photos to images as those of Fashion-MNIST."""
