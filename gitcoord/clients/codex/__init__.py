"""Codex CLI: its hooks, its rollouts, its settings."""
