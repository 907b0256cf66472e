"""Did training make the model know what it does not know, and may this checkpoint ship?"""
