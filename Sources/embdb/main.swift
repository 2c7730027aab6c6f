print("embdb")
