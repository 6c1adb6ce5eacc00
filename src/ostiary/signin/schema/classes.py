"""
How true each field is today: one table, so that nothing is ever stored and ignored (D11).

`enforced` does what Kong documents. `inert` is accepted without effect: it opens nothing and
restricts nothing, and one warning names it. `refused` would restrict, bind, verify or revoke,
so anything but its default makes the plugin invalid until it is built.
"""

from __future__ import annotations

from typing import Final, Literal

Class = Literal["enforced", "inert", "refused"]


def _table() -> dict[str, Class]:
    """Every field; longer than a function should be because it is a table."""
    enforced = """
        issuer
        discovery_headers_names
        discovery_headers_values
        jwks_endpoint
        rediscovery_lifetime
        issuers_allowed
        timeout
        ssl_verify
        auth_methods
        bearer_token_param_type
        refresh_tokens
        run_on_preflight
        hide_credentials
        preserve_query_args
        client_id
        client_secret
        client_auth
        redirect_uri
        login_redirect_uri
        logout_redirect_uri
        unauthorized_redirect_uri
        forbidden_redirect_uri
        unexpected_redirect_uri
        authorization_endpoint
        require_proof_key_for_code_exchange
        response_type
        response_mode
        scopes
        audience
        authorization_query_args_names
        authorization_query_args_values
        authorization_query_args_client
        max_age
        token_endpoint
        token_endpoint_auth_method
        token_post_args_names
        token_post_args_values
        login_methods
        login_action
        login_tokens
        login_redirect_mode
        logout_query_arg
        logout_uri_suffix
        logout_methods
        logout_revoke
        logout_revoke_access_token
        logout_revoke_refresh_token
        revocation_endpoint
        revocation_token_param_name
        end_session_endpoint
        verify_nonce
        leeway
        claims_forbidden
        scopes_claim
        scopes_required
        audience_claim
        audience_required
        groups_claim
        groups_required
        roles_claim
        roles_required
        upstream_headers
        upstream_headers_claims
        upstream_headers_names
        upstream_access_token_header
        upstream_id_token_header
        upstream_session_id_header
        downstream_headers
        downstream_headers_claims
        downstream_headers_names
        downstream_access_token_header
        downstream_id_token_header
        downstream_session_id_header
        authorization_cookie_name
        authorization_rolling_timeout
        authorization_cookie_path
        authorization_cookie_domain
        authorization_cookie_same_site
        authorization_cookie_http_only
        authorization_cookie_secure
        session_secret
        session_cookie_name
        session_cookie_path
        session_cookie_domain
        session_cookie_same_site
        session_cookie_http_only
        session_cookie_secure
        session_idling_timeout
        session_rolling_timeout
        session_absolute_timeout
        session_storage
        unauthorized_error_message
        unauthorized_destroy_session
        forbidden_error_message
        forbidden_destroy_session
        expose_error_code
        display_errors
    """
    inert = """
        verify_claims
        verify_signature
        http_version
        keepalive
        http_proxy
        http_proxy_authorization
        https_proxy
        https_proxy_authorization
        no_proxy
        bearer_token_cookie_name
        bearer_token_header_name
        client_credentials_param_type
        password_param_type
        refresh_token_param_type
        refresh_token_param_name
        id_token_param_type
        id_token_param_name
        client_arg
        tls_client_auth_ssl_verify
        mtls_token_endpoint
        token_headers_names
        token_headers_values
        token_headers_client
        token_headers_replay
        token_headers_prefix
        token_headers_grants
        token_post_args_client
        token_cache_key_include_scope
        introspection_endpoint
        introspection_endpoint_auth_method
        mtls_introspection_endpoint
        introspection_hint
        introspection_token_param_name
        introspection_accept
        introspection_headers_names
        introspection_headers_values
        introspection_headers_client
        introspection_post_args_names
        introspection_post_args_values
        introspection_post_args_client
        introspection_post_args_client_headers
        userinfo_endpoint
        userinfo_accept
        userinfo_headers_names
        userinfo_headers_values
        userinfo_headers_client
        userinfo_query_args_names
        userinfo_query_args_values
        userinfo_query_args_client
        search_user_info
        revocation_endpoint_auth_method
        mtls_revocation_endpoint
        jwt_session_claim
        resolve_distributed_claims
        consumer_by
        by_username_ignore_case
        consumer_optional
        consumer_groups_optional
        credential_claim
        upstream_access_token_jwk_header
        upstream_id_token_jwk_header
        upstream_refresh_token_header
        upstream_user_info_header
        upstream_user_info_jwt_header
        upstream_introspection_header
        upstream_introspection_jwt_header
        downstream_access_token_jwk_header
        downstream_id_token_jwk_header
        downstream_refresh_token_header
        downstream_user_info_header
        downstream_user_info_jwt_header
        downstream_introspection_header
        downstream_introspection_jwt_header
        session_remember_cookie_name
        session_remember_rolling_timeout
        session_remember_absolute_timeout
        session_request_headers
        session_response_headers
        session_hash_subject
        session_hash_storage_key
        session_memcached_prefix
        session_memcached_socket
        session_memcached_host
        session_memcached_port
        session_memcached_ssl_verify
        redis
        cache_ttl
        cache_ttl_max
        cache_ttl_min
        cache_ttl_neg
        cache_ttl_resurrect
        cache_tokens
        cache_tokens_salt
        cache_introspection
        cache_token_exchange
        cache_user_info
        cluster_cache_items
        cluster_cache_redis
        proof_of_possession_auth_methods_validation
        dpop_proof_lifetime
    """
    refused = """
        using_pseudo_issuer
        extra_jwks_uris
        verify_parameters
        client_jwk
        client_alg
        tls_client_auth_cert_id
        pushed_authorization_request_endpoint
        pushed_authorization_request_endpoint_auth_method
        require_pushed_authorization_requests
        require_signed_request_object
        domains
        introspection_check_active
        introspect_jwt_tokens
        logout_post_arg
        ignore_signature
        enable_hs_signatures
        reverify
        jwt_session_cookie
        authenticated_groups_claim
        consumer_claims
        consumer_groups_claim
        anonymous
        principals
        disable_session
        session_audience
        session_remember
        session_bind
        session_store_metadata
        session_enforce_same_subject
        session_memcached_ssl
        cluster_cache_strategy
        proof_of_possession_mtls
        proof_of_possession_dpop
        dpop_use_nonce
        proof_of_possession_mtls_from_header
        token_exchange_endpoint
        token_exchange
    """
    return {
        **dict.fromkeys(enforced.split(), "enforced"),
        **dict.fromkeys(inert.split(), "inert"),
        **dict.fromkeys(refused.split(), "refused"),
    }


CLASSES: Final = _table()
BUILT_METHODS: Final = frozenset({"session", "bearer", "authorization_code"})
