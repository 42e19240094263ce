#!/usr/bin/env bash
# `make demo`: starts the whole stack in build/demo and does the main job on it, each step shown and checked; then leaves it running
# until Ctrl-C. With DEMO_ONCE=1 it ends after the steps. Exit code 0 only when every step did what it says.
#
# A second run keeps the folder's data. Documents get fresh ids each time, so runs do not collide.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

dir=build/demo
work=$dir/work
patient=17855599120
export DLCTL_STACK=$dir/dev.json
unset DLCTL_PROFILE
stack=
step=0

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
	bold='' dim='' green='' red='' plain=''
fi

title() {
	step=$((step + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"
}
say() { printf '   %s\n' "$*"; }
good() { printf '   %s✓ %s%s\n' "$green" "$*" "$plain"; }
indent() { sed 's/^/   /'; }

alive() { [ -n "$stack" ] && kill -0 "$stack" 2>/dev/null; }

# stop ends the stack and waits for it. Ctrl-C in a terminal reaches the stack by itself, and a second signal would end it without
# order. So it gets a moment in which to take its dev.json away, which it does first; one that is still starting has none, and gets the
# time that it may need to end.
stop() {
	trap '' INT TERM HUP
	local moments=5
	if [ "$step" -le 1 ]; then moments=100; fi
	while alive && [ "$moments" -gt 0 ] && { [ -e "$DLCTL_STACK" ] || [ "$step" -le 1 ]; }; do
		sleep 0.1
		moments=$((moments - 1))
	done
	if alive && { [ -e "$DLCTL_STACK" ] || [ "$step" -le 1 ]; }; then kill -TERM "$stack" 2>/dev/null; fi
	if [ -n "$stack" ]; then wait "$stack" 2>/dev/null; fi
	stack=
	rm -rf "$work"
}

# fail ends the demo and says where to look.
fail() {
	printf '\n%sStep %d failed: %s%s\n' "$red" "$step" "$*" "$plain" >&2
	printf 'Look at: %s (the service), %s (PostgreSQL, S3 server, clamd), %s (start).\n' \
		"$dir/log/dokumentlager.log" "$dir/log/" "$dir/start.log" >&2
	stop
	exit 1
}

interrupted() {
	printf '\nStopping ...\n'
	stop
	exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP

# show prints a command as one would type it, runs it and shows what it says. Its output is then in $work/out, its exit code in $code.
show() {
	printf '   %s$ %s%s\n' "$dim" "$*" "$plain"
	"$@" >"$work/out" 2>&1
	code=$?
	indent <"$work/out"
}
done_well() { [ "$code" -eq 0 ] || fail "$1"; }
said() { grep -q -- "$1" "$work/out"; }
id_of() { sed -n 's/^  document  //p' "$work/out"; }

# claim is a text claim of the access token in $TOKEN.
claim() {
	printf '%s==' "$TOKEN" | cut -d. -f2 | tr '_-' '/+' | base64 -d 2>/dev/null | sed -n "s|.*\"$1\":\"\([^\"]*\)\".*|\1|p"
}

# newest is the audit event of what came into quarantine last.
newest() { sed -n 2p "$work/out" | awk '{ print $NF }'; }

if ! mkdir -p "$work"; then
	echo "$dir cannot be written to; if another user made it, that user can remove it with: make clean" >&2
	exit 1
fi
chmod 700 "$work"
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)

title "Starting PostgreSQL, an S3 server, clamd and a HelseID of our own in $dir"
listen=127.0.0.1:8080
if (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; then
	say "port 8080 is taken; another one will do"
	listen=127.0.0.1:0
fi
bin/dokumentlager dev --dir "$dir" --listen "$listen" >"$dir/start.log" 2>&1 &
stack=$!
for _ in $(seq 600); do
	if ! alive; then
		indent <"$dir/start.log"
		fail "the stack did not start"
	fi
	grep -qs "\"pid\": $stack," "$DLCTL_STACK" && break
	sleep 0.2
done
base=$(sed -n 's/^  "base_url": "\(.*\)",$/\1/p' "$DLCTL_STACK" 2>/dev/null)
[ -n "$base" ] || fail "the stack was not ready within two minutes"
good "the service answers at $base"

title "A record system and a doctor get tokens from HelseID, each bound to a key of their own (DPoP)"
for request in "POST /R4/fhir/Bundle" "POST /R4/fhir/DocumentReference/_search"; do
	# shellcheck disable=SC2086 # method and path are two words
	assignments=$(bin/dlctl token $request) || fail "no token for $request"
	eval "$assignments"
	who=$(claim name)
	say "${who:+$who, }$(claim client_id), organisation $(claim helseid://claims/client/claims/orgnr_parent), audience $(claim aud)"
	[ -n "$(claim aud)" ] && [ -n "$PROOF" ] || fail "the token for $request lacks an audience, or there is no proof"
done
good "tokens live for 60 seconds, and each request needs a proof of its own"

title "The record system uploads a discharge summary (HL7 CDA) and an X-ray report (PDF) of a synthetic patient"
bin/dlctl make-bundle --patient $patient --name "USNOBBET KLOKKE" --born 1955-05-17 --created 2026-05-18T14:30:00+02:00 --type A03-2 \
	--file testdata/demo/epikrise.xml --title "Epikrise, medisinsk avdeling" -o "$work/epikrise.json" || fail "the first bundle could not be built"
bin/dlctl make-bundle --patient $patient --name "USNOBBET KLOKKE" --born 1955-05-17 --created 2026-05-12T10:42:00+02:00 --type E01-2 \
	--file testdata/demo/rontgensvar.pdf --title "Røntgensvar, thorax på høyre side" -o "$work/rontgen.json" || fail "the second bundle could not be built"
say "(two ITI-65 bundles, made with: bin/dlctl make-bundle --patient $patient --file FILE --title TITLE ...)"
show bin/dlctl upload "$work/epikrise.json"
done_well "the discharge summary was not stored"
summary=$(id_of)
show bin/dlctl upload "$work/rontgen.json"
done_well "the X-ray report was not stored"
xray=$(id_of)
[ -n "$summary" ] && [ -n "$xray" ] || fail "the answers name no documents"
good "both were checked, scanned for malware, stored, registered and logged before the answer came"

title "The doctor lists the patient's documents"
show bin/dlctl list --patient $patient
done_well "the list was refused"
said "$summary" && said "$xray" && said "Røntgensvar, thorax på høyre side" || fail "the list lacks a document"
good "both are there"

title "The doctor opens the discharge summary"
show bin/dlctl open "$summary" --patient $patient -o "$work/opened.xml"
done_well "the document could not be opened"
cmp -s testdata/demo/epikrise.xml "$work/opened.xml" || fail "other bytes came out than went in"
good "byte for byte what was uploaded"

title "The record system uploads an infected file (the harmless EICAR test)"
# In two halves: a virus scanner on this machine would otherwise take this script away.
half='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR'
printf '%s%s' "$half" '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' >"$work/notat.txt"
bin/dlctl make-bundle --patient $patient --file "$work/notat.txt" --title "Notat" --type B01-2 -o "$work/infected.json" || fail "the bundle could not be built"
rm -f "$work/notat.txt"
bin/dokumentlager quarantine list --dir "$dir" --tenant betanien >"$work/out" || fail "the quarantine could not be listed"
before=$(newest)
show bin/dlctl upload "$work/infected.json"
[ "$code" -eq 1 ] && said "422" || fail "an infected file was not refused as such"
rm -f "$work/infected.json"
say
printf '   %s$ bin/dokumentlager quarantine list --dir %s --tenant betanien%s\n' "$dim" "$dir" "$plain"
bin/dokumentlager quarantine list --dir "$dir" --tenant betanien >"$work/out" || fail "the quarantine could not be listed"
head -n 2 "$work/out" | indent
said "text/plain" && [ "$(newest)" != "$before" ] || fail "the infected file is not in quarantine"
bin/dlctl list --patient $patient >"$work/out" || fail "the list was refused"
said "Notat" && fail "the infected file is listed"
good "refused, in quarantine, and in nobody's list"

title "The X-ray report is closed to health personnel (NORS)"
show bin/dlctl confidentiality "$xray" N,NORS
done_well "the codes could not be changed"
show bin/dlctl list --patient $patient
done_well "the list was refused"
grep -- "$xray" "$work/out" | grep -q 'Sperret' || fail "the document is not masked in the list"
grep -- "$xray" "$work/out" | grep -q 'Røntgensvar' && fail "the masked document shows its title"
show bin/dlctl open "$xray" --patient $patient -o "$work/denied.pdf"
[ "$code" -eq 1 ] && said "403" && [ ! -e "$work/denied.pdf" ] || fail "a document closed to personnel was not denied"
good "masked in the list, and opening is denied"

title "The citizen herself asks over SOAP (XCA), as Helsenorge does for her"
show bin/dlctl soap query --patient $patient --as citizen
done_well "the query was refused"
said 'Røntgensvar, thorax på høyre side' || fail "the citizen is not shown what is closed to health personnel alone"
show bin/dlctl soap fetch "$(awk '/Røntgensvar/ { print $NF }' "$work/out")" --patient $patient --as citizen -o "$work/own.pdf"
done_well "the document could not be fetched"
cmp -s testdata/demo/rontgensvar.pdf "$work/own.pdf" || fail "other bytes came out than went in"
good "she sees what she closed to others, byte for byte"

title "The record system deletes the X-ray report"
show bin/dlctl delete "$xray"
done_well "the document could not be deleted"
show bin/dlctl status "$xray"
done_well "the status was refused"
said "deleted" || fail "the status does not say that the document is deleted"
bin/dlctl list --patient $patient >"$work/out" || fail "the list was refused"
said "$xray" && fail "the deleted document is listed"
good "gone from the list"

title "The audit log of the instance has one event for each of these operations, the refused ones too"
show bin/dlctl audit --tenant betanien --since "$began" --last 0
done_well "the audit log could not be read"
for event in 'C .*were sent in .*success' 'C .*were sent in .*failed' 'E .*were listed .*success' 'R .*was opened .*success' \
	'R .*was opened .*denied' 'U .*was changed .*success' 'D .*was deleted .*success'; do
	said "$event" || fail "the audit log lacks an event like: $event"
done
good "nothing happened that is not in it"
show bin/dokumentlager audit verify --dir "$dir"
done_well "the audit log was changed behind the service"
said "0 findings" || fail "the audit log could not be verified"
good "nobody has changed it since"

# The example is tried as it is printed.
root=$PWD
example="eval \"\$($root/bin/dlctl token POST /R4/fhir/DocumentReference/_search)\" && curl -sS --noproxy 127.0.0.1 \"\$URL\" -H \"Authorization: DPoP \$TOKEN\" -H \"DPoP: \$PROOF\" -H \"nhn-source-system: a shell\" --data-urlencode patient.identifier=$patient -d status=current"
if command -v curl >/dev/null; then
	env -u DLCTL_STACK sh -c "$example" >"$work/out" 2>&1 || fail "the curl example does not work"
	said '"searchset"' && said "$summary" || fail "the curl example does not find the document"
fi

cat <<END

${bold}Every step did what it says.${plain}

   documentation   $base/docs
   capabilities    $base/R4/fhir/metadata
   readiness       $base/readyz
   addresses, clients and keys: $dir/dev.json

${bold}Try it yourself in another terminal:${plain}

$example

   bin/dlctl --help           the same with less typing, in this folder
END

if [ "${DEMO_ONCE:-}" = 1 ]; then
	stop
	exit 0
fi
trap 'interrupted 0' INT TERM HUP
printf '\n%sCtrl-C stops everything; the data stays in %s.%s\n' "$bold" "$dir" "$plain"

# A read that never gets anything is a sleep without a process of its own, which Ctrl-C would leave behind.
exec {never}<> <(:)
while alive; do
	# When make was killed, nobody could stop us any more.
	if [ -n "${MAKELEVEL:-}" ] && [ ! -d "/proc/$PPID" ]; then interrupted 1; fi
	read -r -t 1 -u "$never" _
done
wait "$stack"
code=$?
stack=
rm -rf "$work"
[ "$code" -eq 0 ] || { step=0 fail "the stack ended by itself"; }
printf 'The stack was stopped.\n'
