"""The pages: read without JavaScript, on a phone, by keyboard, in light and dark."""
