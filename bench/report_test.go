package bench

func writeReport() error { return nil }
