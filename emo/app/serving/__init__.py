"""The server of the app: Streamlit with limits, quotas and messages of its own."""
