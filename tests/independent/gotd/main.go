// gotd's MTProto server at addresses of its own: plain TCP, obfuscated, and WebSocket inside TLS.
//
//	gotd -tcp 127.0.0.1:443 -tcp 127.0.0.1:80 -websocket 127.0.0.1:8443 -certificate FILE
//
// What a client breaks ends its own connection and nothing else.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/transport"
)

type addresses []string

func (a *addresses) String() string { return fmt.Sprint(*a) }

func (a *addresses) Set(value string) error {
	*a = append(*a, value)
	return nil
}

// queue is a listener that is handed its connections.
type queue struct {
	addr  net.Addr
	conns chan net.Conn
}

func (q queue) Accept() (net.Conn, error) { return <-q.conns, nil }
func (q queue) Close() error              { return nil }
func (q queue) Addr() net.Addr            { return q.addr }

// peeked gives the bytes that were looked at again.
type peeked struct {
	*bufio.Reader
	net.Conn
}

func (p peeked) Read(b []byte) (int, error) { return p.Reader.Read(b) }

// isPlain tells the transports that announce themselves from an obfuscated one.
func isPlain(head []byte) bool {
	tag := string(head)
	return head[0] == 0xef || tag == "\xee\xee\xee\xee" || tag == "\xdd\xdd\xdd\xdd"
}

func sort(conn net.Conn, plain, obfuscated queue) {
	reader := bufio.NewReader(conn)
	head, err := reader.Peek(4)
	if err != nil {
		conn.Close()
		return
	}
	there := obfuscated
	if isPlain(head) {
		there = plain
	}
	there.conns <- peeked{reader, conn}
}

func newServer(key *rsa.PrivateKey) *tgtest.Server {
	handler := tgtest.HandlerFunc(func(*tgtest.Server, *tgtest.Request) error { return nil })
	return tgtest.NewServer(tgtest.NewPrivateKey(key), handler, tgtest.ServerOptions{DC: 2})
}

// serve starts again where a connection that broke off ended the server.
func serve(server *tgtest.Server, listener net.Listener) {
	for {
		if err := server.Serve(context.Background(), transport.Listen(listener)); err != nil {
			log.Print(err)
		}
	}
}

func main() {
	var tcp, webSocket addresses
	flag.Var(&tcp, "tcp", "address and port")
	flag.Var(&webSocket, "websocket", "address and port")
	certificate := flag.String("certificate", "", "file with key and certificates")
	flag.Parse()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	server := newServer(key)
	for _, address := range tcp {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		plain := queue{listener.Addr(), make(chan net.Conn)}
		obfuscated := queue{listener.Addr(), make(chan net.Conn)}
		go serve(server, plain)
		go serve(server, transport.ObfuscatedListener(obfuscated))
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					log.Fatal(err)
				}
				go sort(conn, plain, obfuscated)
			}
		}()
	}
	for _, address := range webSocket {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		messages, handler := transport.WebsocketListener(listener.Addr())
		go serve(server, messages)
		pages := http.NewServeMux()
		pages.Handle("/apiws", handler)
		pages.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "gotd") })
		go func() { log.Fatal(http.ServeTLS(listener, pages, *certificate, *certificate)) }()
	}
	fmt.Println("ready")
	select {}
}
