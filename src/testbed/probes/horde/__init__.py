"""The webmail as its users' browsers use it: Horde's real pages and forms, judged by their content."""
