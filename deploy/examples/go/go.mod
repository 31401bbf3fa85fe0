module profilestream.example/read

go 1.19
