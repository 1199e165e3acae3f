"""Trained networks as files for use elsewhere: ONNX, torch.export, safetensors."""
