#!/usr/bin/env bash
# rooms.sh: walks through the REST surface of rooms (proto/rooms.md) with curl; entering, which is a
# frame there, by the native API.
#
#   tests/rest/rooms.sh http://localhost:8080
source "$(dirname "${BASH_SOURCE[0]}")/walk.sh"

room=walk-room-$$

ask POST /user '{"username":"alice","password":"secret"}'
expect 200
alice=$(field user_id)
alice_key=$(field key)
[[ $alice_key =~ ^[0-9A-Za-z_-]{32}$ ]] || fail "no key: $alice_key"
ask POST /user '{"username":"bob"}'
is 400 '{"error":"password_missing"}'
ask POST /user '{"username":"bob","password":"secret too"}'
expect 200
bob=$(field user_id)
ask POST /key "{\"user_id\":\"$bob\",\"password\":\"wrong\"}"
is 401 '{"error":"bad_password"}'
ask POST /key "{\"user_id\":\"$bob\",\"password\":\"secret too\"}"
expect 200
bob_key=$(field key)
ask GET "/user/$bob"
is 401 '{"error":"no_key"}'
ask PUT "/user?key=$bob_key" '{"username":"robert"}'
is 200 '{"username":"robert"}'
ask GET "/user/$bob?key=$alice_key"
is 200 "{\"username\":\"robert\",\"user_id\":\"$bob\"}"
printf 'key\talice\t%s\t%s\n' "$alice" "$alice_key"
printf 'key\tbob\t%s\t%s\n' "$bob" "$bob_key"
finished 'two users are made, and have keys'

ask POST "/room?key=$alice_key" "{\"name\":\"$room\",\"open\":false}"
expect 200 "{\"open\":false,\"name\":\"$room\",\"user_count\":1,\"owner\":\"$alice\","
room_id=$(field room_id)
printf 'room\t%s\n' "$room_id"
ask GET "/room/$room_id?key=$bob_key"
is 403 '{"error":"forbidden"}'
finished 'a closed room is made'

# of METHOD WHAT [KEY]: about bob, by alice where nobody else is named.
of() {
  ask "$1" "/room/$room_id/$2?key=${3:-$alice_key}" "{\"user_id\":\"$bob\"}"
}
# who WHAT [KEY]: those who are that in the room.
who() {
  ask GET "/room/$room_id/$1?key=${2:-$alice_key}&limit=10&offset=0"
}
enters() {
  as "$bob_key"
  ask PUT "/api/v1/rooms/$room/members/$bob"
  as
}

enters
expect 403 '"error":"forbidden"'
of PUT users
expect 204
finished 'bob is invited'

enters
expect 204
who users
expect 200 "\"$alice\"" "\"$bob\"" '"index":0,"user_count":2'
ask GET "/room/$room_id/users/$bob?key=$alice_key"
is 200 '{"present":true}'
of PUT users
is 409 '{"error":"conflict"}'
finished 'bob has entered'

of DELETE users "$bob_key"
expect 403
ask DELETE "/room/$room_id/users?key=$alice_key" "{\"user_id\":\"$bob\",\"message\":\"be kind\"}"
expect 204
of DELETE users
is 409 '{"error":"conflict"}'
ask GET "/room/$room_id/users/$bob?key=$alice_key"
is 200 '{"present":false}'
finished 'bob is kicked'

enters
expect 403
of PUT users
expect 204
enters
expect 204
finished 'bob is invited again, and comes back'

of PUT bans
expect 204
who bans
is 200 "{\"users\":[\"$bob\"],\"index\":0,\"user_count\":1}"
of PUT users
expect 403
enters
expect 403
finished 'bob is banned'

of DELETE bans
expect 204
of DELETE bans
is 409 '{"error":"conflict"}'
who bans
is 200 '{"users":[],"index":0,"user_count":0}'
of PUT users
expect 204
enters
expect 204
finished 'the ban is lifted, and bob is there'

ask PUT "/room/$room_id?key=$bob_key" '{"name":"bobs"}'
expect 403
of PUT admins
expect 204
of PUT admins
is 409 '{"error":"conflict"}'
who admins "$bob_key"
expect 200 "\"$bob\""
ask PUT "/room/$room_id?key=$bob_key" "{\"name\":\"$room renamed\"}"
expect 200 "\"name\":\"$room renamed\"" '"open":false'
of DELETE admins
expect 204
ask PUT "/room/$room_id?key=$bob_key" '{"open":true}'
expect 403
finished 'bob was an admin'

ask GET "/room/$room_id/owner?key=$bob_key"
is 200 "{\"owner\":\"$alice\"}"
of POST owner "$bob_key"
expect 403
of POST owner
expect 204
ask GET "/room/$room_id/owner?key=$alice_key"
is 200 "{\"owner\":\"$bob\"}"
ask DELETE "/room/$room_id/users?key=$alice_key" "{\"user_id\":\"$bob\"}"
expect 403
ask DELETE "/room/$room_id/admins?key=$bob_key" "{\"user_id\":\"$alice\"}"
expect 204
finished 'bob is the owner'

ask DELETE /key "{\"key\":\"$alice_key\",\"user_id\":\"$bob\"}"
is 401 '{"error":"bad_key"}'
ask DELETE "/key?key=$alice_key&user_id=$alice"
expect 204
ask GET "/room/$room_id?key=$alice_key"
is 401 '{"error":"bad_key"}'
finished 'the key of alice is revoked'
