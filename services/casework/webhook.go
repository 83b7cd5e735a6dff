package casework

import "time"

// Hooking is the job of giving one webhook one message.
type Hooking struct {
	Delivery DeliveryID `json:"delivery" river:"unique"`
}

// Kind is the job's name in the queue.
func (Hooking) Kind() string { return "hooking" }

// WebhookQueue is where webhooks wait, apart from people's messages.
const WebhookQueue = "webhook"

// Webhook is somebody's machine that is told of notices.
type Webhook struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	// Role and Scope say whose notices: an owner's part, and a PDU. Empty is all.
	Role  OwnerRole `json:"role,omitempty"`
	Scope string    `json:"pdu,omitempty"`
	// Private says that it may be on our own network.
	Private      bool      `json:"private"`
	AddedAt      time.Time `json:"addedAt"`
	FailingSince time.Time `json:"failingSince,omitzero"`
	DisabledAt   time.Time `json:"disabledAt,omitzero"`
	Problem      string    `json:"problem,omitempty"`
	// Waiting are messages that it has not taken yet.
	Waiting int `json:"waiting"`
}

// HookMessage is one message on its way to a webhook, with what it takes.
type HookMessage struct {
	Delivery  DeliveryID
	Webhook   int64
	MessageID string // the same however often it is sent
	URL       string
	Private   bool
	Disabled  bool
	// Secrets are those that sign: one, or two while one takes the other's place.
	Secrets []string
	State   string
	Action  ActionID
	Owner   Owner
	Notice
}
