package server

import "strings"

// fileSuffix makes the key under which a secret's file is named.
const fileSuffix = "_file"

func allKeys() []string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key)
		if s.secret {
			keys = append(keys, s.key+fileSuffix)
		}
	}
	return keys
}

func known(key string) bool {
	for _, k := range allKeys() {
		if k == key {
			return true
		}
	}
	return false
}

func isGroup(key string) bool {
	for _, k := range allKeys() {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// envName of database.url is DOKUMENTLAGER_DATABASE_URL.
func envName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// keyOf turns a variable's name into something to compare with keys.
func keyOf(name string) string {
	return strings.ToLower(strings.TrimPrefix(name, EnvPrefix))
}

// nearest is the key with the smallest edit distance; dots count as underscores, as they do in the environment.
func nearest(key string, keys []string) string {
	flat := strings.NewReplacer(".", "_").Replace
	best, bestDistance := "", 1<<30
	for _, k := range keys {
		if d := distance(flat(key), flat(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's. Long names are cut: what is far off is far off.
func distance(a, b string) int {
	a, b = a[:min(len(a), 60)], b[:min(len(b), 60)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
