"""Benchmarks that answered one question once. Each file stands alone; the tests only start them."""
