#!/usr/bin/env bash
# concord.sh: walks through the REST surface of concord (proto/concord.md) with curl.
#
#   tests/rest/concord.sh http://localhost:8080
source "$(dirname "${BASH_SOURCE[0]}")/walk.sh"

alice=walk-alice-$$ bob=walk-bob-$$ channel=walk-den-$$

ask POST /api/users/register "{\"username\":\"$alice\",\"password\":\"secret\"}"
expect 200 "\"username\":\"$alice\""
alice_id=$(field id)
ask POST /api/users/register "{\"username\":\"$alice\",\"password\":\"other\"}"
expect 400 '"error":"conflict"'
ask POST /api/users/register "{\"username\":\"$bob\",\"password\":\"secret too\"}"
expect 200
bob_id=$(field id)

ask POST /api/tokens "{\"username\":\"$alice\",\"password\":\"wrong\"}"
expect 400 '"error":"bad_password"'
ask GET /api/self
expect 401 '"error":"unauthorized"'
ask POST /api/tokens "{\"username\":\"$bob\",\"password\":\"secret too\"}"
expect 200
bob_token=$(field token)
ask POST /api/tokens "{\"username\":\"$alice\",\"password\":\"secret\"}"
expect 200
alice_token=$(field token)
as "$alice_token"
ask GET /api/tokens/recycle
expect 200
alice_token=$(field token)
as "$alice_token"
ask GET /api/self
expect 200 "\"id\":$alice_id," "\"nickname\":\"$alice\"" '"onlineStatus":"OFFLINE"'
ask GET /api/server
expect 200 '"name":"Parley"' '"defaultChannelId":1'
printf 'token\t%s\t%s\n' "$alice" "$alice_token"
printf 'token\t%s\t%s\n' "$bob" "$bob_token"
finished 'two users are registered, and have tokens'

ask GET "/api/users/$alice_id"
expect 200 "\"username\":\"$alice\"" '"onlineStatus":"ONLINE"'
ask GET /api/users
expect 200 "\"id\":$alice_id," "\"id\":$bob_id,"

ask POST /api/channels "{\"name\":\"$channel\",\"description\":\"where bears live\"}"
expect 200 "\"name\":\"$channel\"" '"description":"where bears live"' "\"createdByUserId\":$alice_id"
channel_id=$(field id)
ask GET "/api/channels/$channel_id"
expect 200 "\"name\":\"$channel\"" '"parentChannelId":null'
ask GET /api/channels
expect 200 "\"id\":$channel_id," '"children":[]'
finished 'a channel is made'

ask POST "/api/channels/$channel_id/chats" '{"content":"hello","threadId":null,"sentAt":1}'
expect 200 '"content":"hello"' "\"authorId\":$alice_id" "\"channelId\":$channel_id"
chat_id=$(field id)
ask GET "/api/chats/$chat_id"
expect 200 '"content":"hello"' '"edited":false'
ask GET "/api/channels/$channel_id/chats/latest?size=1"
expect 200 "\"id\":$chat_id,"
finished 'a chat is sent'

ask PATCH "/api/chats/$chat_id" '{"content":"hello, bears"}'
expect 200 '"content":"hello, bears"' '"edited":true'
as "$bob_token"
ask PATCH "/api/chats/$chat_id" '{"content":"hello, wolves"}'
expect 403 '"error":"forbidden"'
finished 'the chat is edited'

ask POST "/api/chats/$chat_id/reactions" '{"reaction":"😂","adding":true}'
expect 200
ask GET "/api/chats/$chat_id/reactions"
expect 200 "\"reactingUsers\":{\"😂\":[$bob_id]}" '"reactions":{"😂":1}'
ask GET "/api/chats/$chat_id"
expect 200 '"reactions":{"😂":1}'
finished 'the chat is reacted to'

ask POST "/api/chats/$chat_id/reactions" '{"reaction":"😂","adding":false}'
expect 200
ask GET "/api/chats/$chat_id/reactions"
is 200 '{"reactingUsers":{},"reactions":{}}'
finished 'the reaction is taken back'

ask POST "/api/channels/$channel_id/chats" '{"content":"of BEARS and bees","threadId":7}'
expect 200 '"threadId":7' "\"authorId\":$bob_id"
second_id=$(field id)
ask GET "/api/chats?query=Bears&channelId=$channel_id"
expect 200 "\"id\":$chat_id," "\"id\":$second_id,"
ask GET "/api/chats?query=bears&channelId=$channel_id&authorId=$alice_id"
expect 200 "\"id\":$chat_id,"
lacks "\"id\":$second_id,"
ask GET "/api/chats?channelId=$channel_id&threadId=7"
expect 200 "\"id\":$second_id,"
lacks "\"id\":$chat_id,"
ask GET "/api/chats?channelId=$channel_id&threadId=-1&page=0&size=10"
expect 200 "\"id\":$chat_id,"
lacks "\"id\":$second_id,"
ask GET "/api/chats?query=wolves&channelId=$channel_id"
is 200 '[]'
finished 'another one is sent, and both are found'

ask DELETE "/api/chats/$chat_id"
expect 403 '"error":"forbidden"'
as "$alice_token"
ask DELETE "/api/chats/$chat_id"
expect 200
ask GET "/api/chats/$chat_id"
expect 404 '"error":"not_found"'
ask GET "/api/chats?query=bears&channelId=$channel_id"
expect 200 "\"id\":$second_id,"
lacks "\"id\":$chat_id,"
finished 'the first chat is deleted'

as "$bob_token"
ask DELETE "/api/channels/$channel_id"
expect 403 '"error":"forbidden"'
as "$alice_token"
ask DELETE "/api/channels/$channel_id"
expect 200
ask GET "/api/channels/$channel_id"
expect 404 '"error":"not_found"'
finished 'the channel is deleted'
