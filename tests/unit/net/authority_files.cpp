// What the shared authorities promise: parsed once, and again when the file has changed.
#include <chorus/net/detail/authority_files.hpp>
#include <chorus/testing/certificates.hpp>

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <support/scratch_directory.hpp>

namespace authority_files_tests {

namespace {

using chorus::net::detail::trust_authority_file;
using chorus::testing::certificate_authority;
using store = std::unique_ptr<X509_STORE, void (*)(X509_STORE*)>;

class authority_files : public testing::Test {
 protected:
    std::string path() const { return files_.path("authorities.pem"); }
    void write(const std::string& text) const {
        // A file of another inode, as a package manager puts it in place.
        std::filesystem::rename(files_.write("fresh.pem", text), path());
    }
    /// The certificates that a new store gets. They are compared by address: who parses again has others.
    std::vector<const X509*> trusted() const {
        const store made(X509_STORE_new(), &X509_STORE_free);
        trust_authority_file(made.get(), path());
        std::vector<const X509*> found;
        STACK_OF(X509_OBJECT)* const all = X509_STORE_get0_objects(made.get());
        for (int i = 0; i < sk_X509_OBJECT_num(all); ++i) {
            found.push_back(X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i)));
        }
        return found;
    }

 private:
    chorus::testing_support::scratch_directory files_;
};

TEST_F(authority_files, are_parsed_once_for_all_stores) {
    write(certificate_authority("one").pem() + certificate_authority("two").pem());
    const auto first = trusted();
    EXPECT_EQ(first.size(), 2u);
    EXPECT_EQ(trusted(), first);
}

TEST_F(authority_files, are_read_again_when_they_have_changed) {
    write(certificate_authority("one").pem());
    const auto before = trusted();
    write(certificate_authority("one").pem() + certificate_authority("two").pem());
    EXPECT_EQ(trusted().size(), 2u);
    std::filesystem::remove(path());
    EXPECT_TRUE(trusted().empty());
}

TEST_F(authority_files, that_are_missing_or_hold_nothing_add_nothing) {
    EXPECT_TRUE(trusted().empty());
    write("no PEM at all");
    EXPECT_TRUE(trusted().empty());
}

}  // namespace

}  // namespace authority_files_tests
