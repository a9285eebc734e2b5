"""What many processes were told, checked against what one after the other could have told."""
