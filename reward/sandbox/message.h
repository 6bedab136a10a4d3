// Whole messages over a stream socket, as protocol.h has them.
#ifndef R1_REWARD_SANDBOX_MESSAGE_H_
#define R1_REWARD_SANDBOX_MESSAGE_H_

#include <string>
#include <string_view>
#include <vector>

namespace r1 {

// Sends the descriptors with the first byte. False once the peer is gone.
// Never raises SIGPIPE.
bool SendMessage(int socket, std::string_view body,
                 const std::vector<int>& fds);

// The next message; the descriptors that came with it are the caller's, closed
// on exec. False at the end of the stream and for a message over 1 GiB.
bool ReceiveMessage(int socket, std::string* body, std::vector<int>* fds);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_MESSAGE_H_
