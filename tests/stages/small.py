"""A models.yaml with one of everything; tests refer to its lines by number."""

from __future__ import annotations

SMALL = """\
upstreams:
  here:
    url_env: HERE_URL
    key_env: HERE_KEY
models:
  big:
    upstream: here
    context_window: 1000
    max_output_tokens: 100
    price: {input: 0.27, output: 1.10}
  small:
    upstream: here
    name: vendor/small-7b
    context_window: 500
    max_output_tokens: 50
    price: 0
stages:
  plan:
    targets: [big]
    prompt: plan.md
    sampling: {temperature: 1, max_tokens: 100}
  code: {targets: [small, big]}
  review: {targets: [small]}
direct:
  models: [small]
  max_tokens: 80
modes:
  Architect: plan
helper:
  user_agents: [RooCode]
  patterns: ['^enhance']
limits:
  flow: {usd: 1, tokens: 1000, seconds: 60, max_rounds: 3, max_fixes: 2}
"""
