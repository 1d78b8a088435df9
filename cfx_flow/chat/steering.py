"""Request fields that no caller may set, because they steer the model proxy behind us."""

from __future__ import annotations

STEERS_THE_PROXY = frozenset(
    {
        "acompletion",
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "azure",
        "base_url",
        "client",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "custom_llm_provider",
        "default_fallbacks",
        "deployment_id",
        "extra_headers",
        "fallbacks",
        "headers",
        "hf_model_name",
        "litellm_call_id",
        "litellm_logging_obj",
        "litellm_params",
        "logger_fn",
        "max_retries",
        "mock_delay",
        "mock_response",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_context_fallbacks",
        "mock_testing_fallbacks",
        "mock_testing_rate_limit_error",
        "mock_timeout",
        "mock_tool_calls",
        "model_list",
        "num_retries",
        "organization",
        "proxy_server_request",
        "request_timeout",
        "retry_policy",
        "retry_strategy",
        "router_settings_override",
        "rpm",
        "shared_session",
        "specific_deployment",
        "ssl_verify",
        "stream_timeout",
        "timeout",
        "tpm",
        "user_config",
    }
)
"""Fields by which a caller would reach models off the whitelist, other hosts, or retries that multiply.

**Source**: LiteLLM 1.106 takes them from the request's body (``Router``, ``main.py: acompletion``); what it
refuses itself (``proxy/auth/auth_utils.py``) is not repeated here.
"""
