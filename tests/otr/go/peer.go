// A peer that speaks OTR through Debian's Go library, driven over standard input: see ../peer.c for
// the commands and answers.
//
// Usage: peer KEYFILE ACCOUNT PROTOCOL VERSIONS
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	// run.sh writes the path that this Debian has.
	otr "OTR3"
)

const lineBytesMax = 1 << 20

var talk = &otr.Conversation{Rand: rand.Reader}

// ending is true while we end the session ourselves.
var ending bool

func say(words ...string) {
	fmt.Println(strings.Join(words, " "))
}

func inject(messages []otr.ValidMessage) {
	for _, message := range messages {
		say("inject", hex.EncodeToString(message))
	}
}

type listener struct{}

func (listener) HandleSecurityEvent(event otr.SecurityEvent) {
	switch event {
	case otr.GoneSecure, otr.StillSecure:
		ssid := talk.GetSSID()
		say("event secure", hex.EncodeToString(ssid[:]))
	case otr.GoneInsecure:
		if ending {
			say("event insecure")
		} else {
			say("event disconnected")
		}
	}
}

func (listener) HandleSMPEvent(event otr.SMPEvent, percent int, question string) {
	switch event {
	case otr.SMPEventAskForSecret:
		say("event smp-ask")
	case otr.SMPEventAskForAnswer:
		say("event smp-question", hex.EncodeToString([]byte(question)))
	case otr.SMPEventSuccess:
		say("event smp-same")
	case otr.SMPEventFailure:
		say("event smp-different")
	case otr.SMPEventAbort, otr.SMPEventCheated, otr.SMPEventError:
		say("event smp-aborted")
	}
}

func (listener) HandleMessageEvent(event otr.MessageEvent, message []byte, err error, trace ...interface{}) {
	say("event message", hex.EncodeToString([]byte(event.String())))
}

func (listener) HandleErrorMessage(code otr.ErrorCode) []byte {
	return []byte("cannot read that")
}

func (listener) ReceivedSymmetricKey(usage uint32, data []byte, key []byte) {
	say("event symkey", hex.EncodeToString(key))
}

func receive(message []byte) {
	private := talk.IsEncrypted()
	plain, send, err := talk.Receive(message)
	inject(send)
	if err != nil {
		say("event unreadable")
	}
	if len(plain) > 0 {
		way := "plain"
		if private && strings.HasPrefix(string(message), "?OTR") {
			way = "private"
		}
		say("show", way, hex.EncodeToString(plain))
	}
}

func obey(command string, values [][]byte) bool {
	var send []otr.ValidMessage
	var err error
	question := ""
	if len(values) > 1 {
		question = string(values[1])
	}
	switch command {
	case "recv":
		receive(values[0])
	case "send":
		send, err = talk.Send(values[0])
	case "query":
		send = []otr.ValidMessage{talk.QueryMessage()}
	case "end":
		ending = true
		send, err = talk.End()
		ending = false
	case "smp":
		send, err = talk.StartAuthenticate(question, values[0])
	case "answer":
		send, err = talk.ProvideAuthenticationSecret(values[0])
	case "extra":
		var key []byte
		key, send, err = talk.UseExtraSymmetricKey(1, []byte("x"))
		say("event symkey", hex.EncodeToString(key))
	default:
		return false
	}
	if err != nil {
		say("event cannot-send")
	}
	inject(send)
	return true
}

func main() {
	accounts, err := otr.ImportKeysFromFile(os.Args[1])
	if err != nil || len(accounts) == 0 {
		fmt.Fprintln(os.Stderr, "peer: cannot read", os.Args[1])
		os.Exit(1)
	}
	talk.SetOurKeys([]otr.PrivateKey{accounts[0].Key})
	if strings.Contains(os.Args[4], "2") {
		talk.Policies.AllowV2()
	}
	if strings.Contains(os.Args[4], "3") {
		talk.Policies.AllowV3()
	}
	talk.SetSecurityEventHandler(listener{})
	talk.SetSMPEventHandler(listener{})
	talk.SetMessageEventHandler(listener{})
	talk.SetErrorMessageHandler(listener{})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, lineBytesMax), lineBytesMax)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		var values [][]byte
		for _, word := range words[1:] {
			value, _ := hex.DecodeString(word)
			values = append(values, value)
		}
		more := obey(words[0], values)
		say("done")
		if !more {
			return
		}
	}
}
