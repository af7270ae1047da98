"""What a trained convolutional network responds to: activations, their projection back to pixels, occlusion."""
