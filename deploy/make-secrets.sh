#!/bin/sh
# Makes deploy/secrets for compose.yaml, once: what is there already stays. Keep a copy of the whole folder elsewhere: without
# jwt_secret or pii_keys no node starts on the database again.
set -eu
cd "$(dirname "$0")"
if ! command -v openssl > /dev/null; then
  echo "make-secrets.sh needs openssl, and there is none here. Nothing was written." >&2
  exit 1
fi
mkdir -p secrets
# The folder keeps others out; the files are read in the containers by users of other numbers.
chmod 0700 secrets
umask 0022

# By another name first: a file that is there is whole.
make() {
  if [ -s "secrets/$1" ]; then return; fi
  printf '%s' "$2" > "secrets/.$1"
  mv "secrets/.$1" "secrets/$1"
}

# Apart from their use, where a failure would be lost.
jwt_secret=$(openssl rand -base64 64)
pii_key=$(openssl rand -base64 32)
metrics_token=$(openssl rand -hex 32)
db_password=$(openssl rand -hex 24)
redis_password=$(openssl rand -hex 24)
admin_password=$(openssl rand -base64 18)

make jwt_secret "$(printf '%s' "$jwt_secret" | tr -d '\n')"
make pii_keys "k1:$pii_key"
make metrics_token "$metrics_token"
make db_password "$db_password"
make redis_url "redis://:$redis_password@redis:6379"
make admin_password "$admin_password"
echo "The secrets are in $(pwd)/secrets; the administrator's password is in admin_password."
