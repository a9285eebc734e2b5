"""The actions and workflows of `.github`, run as GitHub's runner starts them."""
