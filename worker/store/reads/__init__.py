"""What is shown: progress, lists, exports, reports; read without a lock, and nothing decides by it."""
