#!/bin/sh
# Builds the FHIR validator of `make conformance` into build/validator, once: HAPI from Maven Central at the versions that
# internal/conformance/validator/pom.xml pins, with checksums checked. Says what it will do before it does it.
#
# It installs nothing outside build/. Without a JDK (17 or later), or when it was never built and Maven is not there or cannot reach Maven
# Central, it says so and leaves build/validator/ready away: answers are then held to the structural check of ours alone.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd)
source=$checkout/internal/conformance/validator
target=$checkout/build/validator

say() { printf 'conformance: %s\n' "$*"; }

without() {
	say "$*"
	say "the answers are held to the structural check of ours alone, not to the FHIR validator."
	rm -f "$target/ready"
	exit 0
}

# newer reports whether something of the source has changed since the validator was built.
newer() { [ -n "$(find "$source" -type f -newer "$target/ready" 2>/dev/null)" ]; }

command -v java >/dev/null || without "Java is not there (Debian: openjdk-17-jre-headless)."
if [ -e "$target/ready" ] && ! newer; then
	say "FHIR validator: there"
	exit 0
fi
command -v javac >/dev/null && command -v mvn >/dev/null || without "a JDK or Maven is not there (Debian: openjdk-17-jdk-headless maven)."
say "will build the FHIR validator into build/validator; the first time it fetches 190 MB from Maven Central into build/maven"
mvn -q -B -C -f "$source/pom.xml" -Dmaven.repo.local="$checkout/build/maven" package || without "Maven could not build the FHIR validator, see above."
touch "$target/ready"
say "FHIR validator: built"
